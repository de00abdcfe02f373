"""How well and how fast does Moodle's backend learn, beside a plain pipeline and beside the reference?"""
