"""Scripts that list, check and draw the structure of this repository; standard library only."""
