"""Reports on controls, made of files, scrapes and an audit log: read, shown as pages, and packed for an auditor (EVD-*)."""
