"""Time series: a table whose rows are readings of sensors, told apart by series and put in order by time."""
