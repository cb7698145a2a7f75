"""What a person sees: colours, tables, bars, and streams whose reader may be gone."""
