"""What stands in a shot and how it is drawn: people, clothes, places, cameras."""
