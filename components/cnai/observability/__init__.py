"""What the platform shows of itself: metrics, dashboards, alerts."""
