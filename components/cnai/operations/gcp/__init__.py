"""Operations on Google Cloud, through its client libraries where they are installed."""
