"""What the machine proposes: research, drafts and plans, each with its evidence. Knows no Prefect and no approvals."""
