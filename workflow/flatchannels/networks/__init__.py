"""Networks: activations, kernels, loss with gradient and Hessian."""
