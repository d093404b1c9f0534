"""Who is who over time: association, re-linking, left and right."""
