"""What all of our plugins are made of: property values, errors, diffs, and life as the engine's child."""
