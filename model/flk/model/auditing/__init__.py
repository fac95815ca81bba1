"""What audit workers make of an audit log: which tasks its leaves give, and what each of them writes (AUD-6 to AUD-9).

Pure functions. The programs that read the log and write the objects are `flk.model.programs.enqueue` and `effects_of_tasks`.
"""
