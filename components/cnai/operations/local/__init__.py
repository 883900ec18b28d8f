"""Operations on the sandbox's own cloud."""
