"""What training buys: the loss that scaling laws expect, and the size of model that suits a budget."""
