"""Operations: looking at the past, which cannot hurt anyone."""
