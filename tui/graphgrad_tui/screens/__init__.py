"""What fills the terminal: the catalogue, a walk, a lesson; and the dialogs above them."""
