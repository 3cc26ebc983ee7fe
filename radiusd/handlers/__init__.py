"""What may arrive, one file each; each hands what it read to the ledger and answers when that is durable."""
