"""From a file's bytes to records, whatever the file: no module here knows a provider, a warehouse or a clock."""
