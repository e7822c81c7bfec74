"""The Python client of a time-addressable media store, and the `tams` command.

`api` speaks HTTP, `ingest` and `export` move media through it, `local` runs a whole store on one machine,
`cli` is the command. Nothing here imports server code.
"""
