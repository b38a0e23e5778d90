"""Every bug that we had or fear, planted again for ever, and caught.  [STYLE 3]"""
