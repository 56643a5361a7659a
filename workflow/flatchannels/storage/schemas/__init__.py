"""What every column of every table is: its name, type, unit and meaning. One module for the tables that are made together."""
