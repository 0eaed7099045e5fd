"""How fast pushsvc is, as ratios to something that everybody has. Nothing here is needed to run or test it."""
