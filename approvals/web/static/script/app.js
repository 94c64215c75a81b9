// What the pages do beyond what their forms and links do without it.

import { $, kind } from "./page.js";
import { offer } from "./keys.js";
import { welcome } from "./toasts.js";
import { heard, start_list } from "./list.js";
import { heard_here, start_review } from "./review.js";
import { start_claims } from "./claims.js";
import { hear, start_live } from "./live.js";

offer({
  search() {
    const field = $("#search");
    if (!field) return location.assign("/queue");
    field.focus();
    field.select();
  },
});
if ($("#rows, #total")) {
  start_list();
  hear(heard);
}
if (kind() === "request") {
  start_review();
  start_claims();
  hear(heard_here);
}
welcome();
if ($("[data-live]")) start_live();
