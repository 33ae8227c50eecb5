module carteiro

go 1.26
