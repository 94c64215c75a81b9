"""The words that announce a fact, in English, German, French and Spanish: labels of rows and headings of lists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from agents.documents import FactKey as K


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile(r"(?:" + "|".join(patterns) + r")", re.IGNORECASE)


LABELS: tuple[tuple[K, re.Pattern[str]], ...] = (
    (K.FOUNDED, _words(
        r"(?:year |date )?(?:founded|established|est\.?|incorporated|inception|foundation)(?: (?:in|on|year|date))?",
        r"(?:year|date) of (?:foundation|establishment|incorporation" r"|founding)", r"founding (?:year|date)",
        r"in business since",
        r"gegründet(?: am| im jahr)?", r"gründung(?:sjahr|sdatum)?", r"gründungs-?jahr", r"jahr der gründung",
        r"firmengründung", r"bestehend seit",
        r"fondée?(?: en)?", r"(?:année|date) de (?:création|fondation)", r"création", r"fondation", r"créée?(?: en)?",
        r"fundad[ao](?: en)?", r"(?:año|fecha) de (?:fundación|creación|constitución)", r"fundación",
        r"anno di fondazione", r"opgericht(?: in)?", r"oprichting", r"fondata(?: nel)?", r"grundat", r"grundlagt",
        r"stiftet",         r"(?:company |firm )?founded", r"foundation year", r"année de fondation",
    )),
    (K.EMPLOYEES, _words(
        r"(?:number of |no\. of |total )?(?:employees|staff|people" r"|team members|headcount"
        r"|colleagues)(?: worldwide| count| total)?", r"team(?:-| )?size",
        r"company size", r"workforce", r"mitarbeiter(?:zahl|anzahl)?", r"mitarbeitende", r"mitarbeiter:?innen",
        r"mitarbeiterinnen und mitarbeiter",
        r"anzahl (?:der )?(?:mitarbeiter(?:innen)?|mitarbeitenden" r"|beschäftigten)", r"beschäftigte", r"belegschaft",
        r"teamgröße",
        r"effectifs?", r"(?:nombre de |nombre d['’])?(?:salariés|collaborateurs" r"|employés)", r"équipe",
        r"(?:número de )?(?:empleados|trabajadores)", r"plantilla", r"tamaño del equipo",
        r"mitarbeitende weltweit", r"taille de l['’](?:entreprise|équipe)", r"collaborat(?:eurs|rices)(?: et .{4,20})?",
        r"salariés", r"employés", r"medewerkers", r"aantal medewerkers", r"dipendenti", r"anställda", r"ansatte",
        r"medarbejdere", r"colaboradores", r"fachkräfte", r"köpfe", r"menschen im team",
    )),
    (K.REVENUE, _words(
        r"(?:(?:in )?annual |group |net |of |in )?(?:revenues?|turnover" r"|sales)(?: \(?(?:fy ?)?\d{4}\)?)?",
        r"(?:jahres|gruppen|konzern)?umsatz(?:erlöse)?(?: \(?\d{4}\)?)?",
        r"(?:de )?chiffre d['’]affaires(?: \(?\d{4}\)?| annuel)?",
        r"(?:de )?facturación(?: anual)?", r"omzet", r"fatturato", r"ingresos(?: anuales)?",
    )),
    (K.LEGAL_NAME, _words(
        r"(?:registered |legal |full |official )(?:company |business " r"|entity )?name", r"legal entity",
        r"company name", r"registered as", r"firmenname", r"firma", r"firmierung", r"rechtlicher name",
        r"vollständiger name",
        r"raison sociale", r"dénomination(?: sociale)?", r"razón social", r"denominación(?: social)?",
    )),
    (K.PHONE, _words(
        r"(?:tele)?phones?(?: number| no\.?)?", r"tel\.?(?:efon)?(?:nummer)?", r"(?:call|ring) us(?: (?:at|on|today))?",
        r"call", r"hotline", r"switchboard", r"helpline", r"main line", r"office", r"fon", r"ruf", r"zentrale",
        r"rufnummer", r"mobile?", r"mobil(?:telefon)?", r"cell", r"handy", r"whatsapp", r"sales", r"support",
        r"service-?hotline", r"notruf",
        r"tél\.?(?:éphone)?", r"standard", r"portable", r"teléfonos?", r"tlf\.?", r"tfno\.?", r"móvil", r"ph\.?", r"t",
        r"p", r"m",
    )),
    (K.EMAIL, _words(r"e-?mails?(?: address| us)?", r"mail", r"e-?mail-?adresse", r"courriel", r"mél",
        r"adresse e-?mail", r"correo(?: electrónico)?", r"write to us", r"e", r"kontakt", r"contact(?: us)?",
        r"contacto", r"enquiries", r"general enquiries", r"press", r"presse", r"sales", r"support", r"vertrieb")),
    (K.ADDRESS, _words(
        r"(?:(?:postal|mailing|street|registered|office|business" r"|visiting|company|our|head office"
        r"|headquarters|visitor) )?address", r"registered office", r"find us(?: at)?", r"visit us",
        r"where to find us", r"head office", r"principal place of business",
        r"(?:post|firmen|besucher|geschäfts)?(?:anschrift|adresse)", r"(?:hausanschrift)", r"so finden sie uns",
        r"siège(?: social)?", r"adresse(?: postale)?", r"nos bureaux", r"dirección(?: postal)?",
        r"domicilio(?: social)?", r"sede social", r"oficina", r"location", r"standort", r"office",
    )),
    (K.LOCATION, _words(
        r"headquarters?", r"hq", r"head office", r"(?:office )?locations?", r"offices?", r"based in", r"branches",
        r"places?", r"country", r"city", r"(?:haupt|firmen|unternehmens)?sitz", r"hauptniederlassung",
        r"(?:haupt)?standorte?", r"niederlassung(?:en)?", r"siège(?: social)?", r"implantations?", r"bureaux",
        r"sede(?: central| principal)?", r"oficinas?", r"ubicaci(?:ón|ones)", r"sites?", r"warehouses?", r"depots?",
        r"lager", r"werke?", r"plants?",
    )),
    (K.CERTIFICATION, _words(
        r"certifications?", r"certified(?: to| according to)?", r"accreditations?", r"standards?",
        r"(?:quality )?certificates?", r"compliance", r"zertifi(?:kate?|zierung(?:en)?|ziert(?: nach)?)",
        r"qualitätsmanagement", r"labels?", r"normes?", r"certifications? et labels?", r"certificaci(?:ón|ones)",
        r"certificados?", r"acreditaciones", r"normen", r"approvals", r"quality",
    )),
    (K.PRODUCT, _words(r"(?:main |key |our )?products?(?: range| line)?", r"produkte?", r"produktpalette", r"produits?",
        r"productos?", r"brands?", r"marken", r"marques?", r"marcas?")),
    (K.SERVICE, _words(r"(?:main |key |core |our )?services?", r"activities", r"specialit(?:y|ies)", r"specialties",
        r"what we do", r"(?:dienst)?leistungen", r"leistungsspektrum", r"schwerpunkte?", r"tätigkeitsbereich",
        r"prestations", r"activités?", r"métiers?", r"servicios?", r"actividad(?:es)?", r"expertise",
        r"areas of expertise", r"capabilities")),
    (K.CUSTOMER, _words(r"(?:main |key |selected |our |notable " r"|reference )?(?:customers?|clients?"
        r"|references?)(?: include)?", r"(?:referenz)?kunden(?: \(auswahl\))?", r"referenzen", r"auftraggeber",
        r"(?:nos )?clients", r"références", r"clientes?", r"referencias")),
    (K.PARTNER, _words(r"(?:main |key |our |technology |strategic )?partners?", r"partnerships?",
        r"(?:kooperations|vertriebs|technologie)?partner", r"partenaires?", r"(?:socios|colaboradores)", r"suppliers?",
        r"alianzas")),
    (K.CONTACT_PERSON, _words(
        r"(?:chief executive(?: officer)?|ceo|cto|cfo|coo|cmo)(?: (?:&" r"|and) (?:co-?)?founder)?",
        r"(?:co-?)?founders?(?: (?:&|and) ceo)?", r"managing directors?", r"directors?",
        r"(?:general |sales |account |office |branch |plant " r"|operations )?manager", r"head of [\w ]{2,30}",
        r"owners?", r"proprietor", r"president", r"chair(?:man|woman|person)?",
        r"contact(?: person)?", r"your contact", r"press contact", r"media contact",
        r"(?:allein)?geschäftsführ(?:er|erin|ung" r"|erinnen)(?: und inhaber(?:in)?)?", r"inhaber(?:in)?",
        r"vorstand(?:svorsitzende[r]?)?", r"(?:ihre?|deine?|unsere?) ansprechpartner(?:in)?", r"ansprechpartner(?:in)?",
        r"vertreten durch(?: den geschäftsführer" r"| die geschäftsführerin| die geschäftsführer)?",
        r"vertretungsberechtigte?r? ?\w*", r"gründer(?:in)?", r"leiter(?:in)? [\w ]{2,30}", r"prokurist(?:in)?",
        r"pressekontakt", r"vertriebsleit(?:er|erin|ung)",
        r"(?:président|présidente)(?:-directeur général" r"| directrice générale)?",
        r"(?:directeur|directrice)(?: général[e]?| de la publication" r"| commercial[e]?)?", r"gérante?s?", r"pdg",
        r"fondat(?:eur|rice)", r"(?:votre )?interlocuteur", r"director(?:a)?(?: general| gerente| comercial)?",
        r"gerente", r"administrador(?:a)?(?: únic[oa])?", r"fundador(?:a)?", r"persona de contacto",
        r"consejer[oa] delegad[oa]",
    )),
    (K.WEBSITE, _words(r"web(?:site|seite)?", r"internet", r"homepage", r"url", r"site(?: web| internet)?",
        r"sitio web", r"página web", r"online")),
    (K.DESCRIPTION, _words(r"(?:industry|sector|branche|secteur|line of business|business" r"|about|profile|mission"
        r"|unternehmensgegenstand|gegenstand des unternehmens" r"|geschäftsfeld|objet social" r"|objeto social)")),
)  # fmt: skip

FAX = re.compile(r"\b(?:tele)?fax(?:nummer|\.)?|^f$|\btélécopie\b", re.IGNORECASE)
PRIVATE = re.compile(
    r"\b(?:private?|privat\w*|privée?|personal(?!ised|ized)|home (?:phone|number|address)|at home"
    r"|personnelle?|particular|perso)\b",
    re.IGNORECASE,
)

GENDERED = re.compile(
    r"\((?:m/w/d|w/m/d|m/f/d|f/m/d|m/w/x|m/f/x|d/m/w|h/f|f/h|all genders|gn)\)|\b(?:H/F|F/H|m/w/d|w/m/d)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class HeadingRule:
    """Which key the entries below a heading have."""

    key: K
    pattern: re.Pattern[str]


HEADING_RULES: tuple[HeadingRule, ...] = (
    HeadingRule(K.JOB, _words(
        r"\bcareers?\b", r"\bjobs?\b", r"\bvacanc(?:y|ies)\b", r"open (?:positions?|roles?)", r"current openings?",
        r"job openings?", r"we(?:['’]re| are) hiring", r"join (?:us|our team|the team)", r"work with us", r"hiring now",
        r"\bkarriere\b", r"stellen(?:angebote|anzeigen)?\b", r"offene stellen", r"wir suchen", r"arbeiten bei",
        r"ausbildungsplätze", r"postes? (?:à pourvoir|ouverts?)", r"recrut\w+", r"rejoignez", r"offres? d['’]emploi",
        r"nous recrutons", r"carrières?", r"\bempleo\b", r"ofertas de (?:empleo|trabajo)", r"trabaja con nosotros",
        r"únete", r"vacantes", r"puestos", r"vacatures", r"werken bij", r"lavora con noi", r"lediga (?:jobb|tjänster)",
        r"ledige stillinger",
    )),
    HeadingRule(K.NEWS, _words(
        r"\bnews\b", r"\bnewsroom\b", r"press(?: releases?| room)?$", r"latest (?:posts?|updates?|stories|articles)",
        r"announcements?", r"\bblog\b", r"what['’]s new", r"\bupdates\b", r"\bevents?\b", r"recent posts",
        r"\baktuelles\b", r"neuigkeiten", r"\bpresse\b", r"pressemitteilungen", r"meldungen", r"nachrichten",
        r"termine", r"actualités?", r"communiqués?", r"nouveautés", r"noticias", r"novedades", r"prensa",
        r"actualidad", r"milestones", r"in the news", r"media centre", r"nieuws", r"notizie", r"nyheter", r"nyheder",
    )),
    HeadingRule(K.CERTIFICATION, _words(r"certificat", r"\bcertified\b", r"accreditation", r"zertifi",
        r"quality(?: standards?)?$", r"standards (?:&|and|we)", r"certificad", r"certificaci", r"compliance",
        r"labels?$", r"qualität", r"\bawards? (?:&|and) cert", r"agréments", r"acreditac",
        r"certificering", r"certificazion", r"certifiering", r"sertifisering")),
    HeadingRule(K.CUSTOMER, _words(
        r"\b(?:our |selected |some of our |happy )?(?:customers?" r"|clients?)\b(?! (?:service|support"
        r"|portal|login|area|care|success|say|reviews|testimonials" r"|stor|experience|centre|center" r"|satisf))",
        r"trusted by", r"who we (?:work with|serve)", r"companies (?:that|who) trust", r"\breferences?\b", r"used by",
        r"they trust us", r"\bkunden\b(?!service|portal|stimmen|bereich|login)", r"\breferenzen\b",
        r"sie vertrauen uns", r"auftraggeber", r"nos clients", r"ils nous font confiance", r"(?:nos )?références",
        r"nuestros clientes", r"clientes", r"confían en nosotros", r"referencias", r"\bklanten\b", r"\bclienti\b",
        r"\bkunder\b", r"referenties", r"used by teams",
    )),
    HeadingRule(K.PARTNER, _words(r"\bpartners?\b(?! (?:with us|program|login|portal))", r"\bpartnerships?\b",
        r"in partnership with", r"kooperation", r"partenaires?", r"\bsocios\b", r"colaboradores", r"alianzas",
        r"sponsors", r"suppliers", r"lieferanten", r"\bpartner\b")),
    HeadingRule(K.LOCATION, _words(r"\b(?:our )?(?:locations|offices|branches|sites|depots"
        r"|warehouses|showrooms|stores)\b", r"where we (?:are|work|operate)", r"office locations",
        r"areas? (?:we serve|served)", r"service areas?", r"\bstandorte\b", r"niederlassungen", r"filialen",
        r"(?:nos )?(?:implantations|agences|bureaux|sites|adresses)$", r"nuestras (?:oficinas|sedes)",
        r"(?:oficinas|sedes|delegaciones)$", r"our presence", r"\boffices?$")),
    HeadingRule(K.SERVICE, _words(
        r"\b(?:our |core |main |all |more )?services?\b(?! (?:area" r"|hours|desk|provider|level))",
        r"what we (?:do|offer|provide)", r"how we (?:can )?help", r"capabilit", r"expertise", r"practice areas",
        r"competenc", r"speciali[st]", r"\bactivities\b", r"what you get", r"(?:unsere |dienst)?leistungen\b",
        r"leistungsspektrum", r"was wir (?:tun|machen|bieten)", r"schwerpunkte", r"kompetenzen", r"angebot\b",
        r"tätigkeits", r"prestations", r"nos (?:services|métiers|activités|savoir)", r"savoir-faire",
        r"domaines d['’]", r"ce que nous faisons", r"expertises?$", r"(?:nuestros )?servicios", r"qué hacemos",
        r"lo que hacemos", r"especialidades", r"actividades", r"\bdiensten\b", r"\bservizi\b", r"\btjänster\b",
        r"\btjenester\b", r"\bydelser\b",
    )),
    HeadingRule(K.PRODUCT, _words(
        r"\b(?:our |featured |main |all |core |popular " r"|best.?sell\w+ )?products?\b(?! (?:development|design"
        r"|manager|management|owner|updates?" r"|strategy|engineer))", r"\b(?:our )?(?:product )?range\b",
        r"\bcatalogue?\b", r"\bplatform$", r"our (?:brands|solutions|collections?|menu|beers|wines"
        r"|machines|apps|tools|coffees|bikes)", r"\bsolutions\b",
        r"(?:our|unsere|nos|nuestr[ao]s) (?:weine|biere|brote|käse|maschinen|sorten|wines|cheeses"
        r"|breads|ciders|gins|spirits|teas|models|instruments|devices|vins|fromages|bières"
        r"|machines|vinos|quesos|aceites|máquinas)\b",
        r"\bprodukte?\b", r"sortiment", r"produktpalette",
        r"lösungen", r"\bmarken\b", r"(?:nos )?produits?", r"gamme", r"nos (?:solutions|marques)", r"solutions$",
        r"(?:nuestros )?productos?", r"soluciones", r"\bproducten\b", r"\bprodotti\b", r"\bprodukter\b",
        r"^best.?sellers?$",
        r"^featured (?:collection|items)$", r"nuestras marcas", r"catálogo", r"\bmenu$", r"\bportfolio$",
    )),
    HeadingRule(K.CONTACT_PERSON, _words(r"(?:our |meet the |the |leadership |management " r"|executive )?team\b",
        r"leadership", r"\bmanagement$", r"who we are$", r"our people", r"board(?: of directors)?$", r"founders?$",
        r"ansprechpartner", r"geschäftsführung", r"unser team", r"vorstand$", r"(?:notre |l['’])équipe", r"direction$",
        r"(?:nuestro )?equipo", r"quiénes somos$", r"staff$")),
)  # fmt: skip

STOP_HEADINGS = _words(
    r"contact", r"kontakt", r"contacto", r"testimonial", r"reviews?$",
    r"what (?:our )?(?:clients|customers|people) say", r"say about", r"kundenstimmen", r"témoignages", r"testimonios",
    r"opiniones", r"\bfaq\b", r"frequently asked", r"häufige fragen", r"questions fréquentes", r"preguntas frecuentes",
    r"privacy", r"datenschutz", r"cookies?", r"newsletter", r"subscribe", r"follow us", r"\bimpressum\b",
    r"mentions légales", r"aviso legal", r"terms", r"quick ?links", r"links$", r"\blogin\b", r"sitemap",
    r"opening hours", r"öffnungszeiten", r"horaires", r"horario", r"pricing$", r"preise$", r"why (?:choose )?us",
    r"our process", r"how it works", r"(?:our )?values$", r"benefits", r"case stud", r"success stor", r"gallery",
)  # fmt: skip


@lru_cache(maxsize=4096)
def label_key(words: str) -> K | None:
    """The key a label announces when it is the whole of these words, such as `Founded:` or `Mitarbeitende`."""
    text = words.strip().rstrip(":").strip(" .*–-")
    if not text or len(text) > 60:
        return None
    for key, pattern in LABELS:
        if pattern.fullmatch(text):
            return key
    return None


@lru_cache(maxsize=4096)
def heading_key(words: str) -> K | None:
    """The key of the entries below this heading; None where it announces none, or something else."""
    text = words.strip().rstrip(":")
    if not text or len(text) > 90 or STOP_HEADINGS.search(text):
        return None
    for rule in HEADING_RULES:
        if rule.pattern.search(text):
            return rule.key
    return None


@lru_cache(maxsize=4096)
def is_closing(words: str) -> bool:
    """Whether a heading ends what the one above announced: contact, questions, privacy, reviews."""
    return STOP_HEADINGS.search(words) is not None
