"""The journey of `drimbox demo --check`: what a RIS, a professional and a program would do."""
