"""Operations on clusters that exist already."""
