"""How fast is a published model, beside the bare session, a plain Flask view and LitServe?"""
