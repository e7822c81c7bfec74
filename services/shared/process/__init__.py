"""The process of a deployable: settings, logs, memory, work in the background."""
