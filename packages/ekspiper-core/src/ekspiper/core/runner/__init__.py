"""What a pipeline is while it runs: channels between readers, steps and deliveries."""
