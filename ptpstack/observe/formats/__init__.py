"""How events look: each module turns records into lines of one format."""
