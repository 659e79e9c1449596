"""Scenario files, which say what people do and what must be so then; and the ones that come with hubbub.

`files` is where it begins. `scripts` is the language. `plays` goes through a scenario line by line: on a `stages.Stage`
people do what it says, and `expectations` compares; `views` is what each of them sees.
"""
