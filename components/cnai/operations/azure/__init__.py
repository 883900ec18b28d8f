"""Operations on Azure, through its client libraries where they are installed."""
