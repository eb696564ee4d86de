"""What can be asked under `/api/v1`, by subject: `state`, `ask`, `lists`, `pictures`, `work`."""
