"""What a program is written with: tables of records, and rounds of map, shuffle and reduce over them."""
