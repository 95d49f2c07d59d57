"""How the chapters are run: jobs join them, and the contract of a stage holds for every job.

Reading order: `contract` (what done means), `run` (one run's context), then one module a stage.
"""
