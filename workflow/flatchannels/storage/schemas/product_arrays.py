"""What the arrays of datasets, of the examples of saddle lines and of the toy mean: array → (meaning, unit)."""

from flatchannels.storage.schemas.columns import CURVATURE, LOSS, NORM, ONE, TIME, WEIGHT

TARGET, INPUT = "y", "x"  # units

DATASET_MEANINGS = {
    "x": ("The inputs, a row for each sample.", INPUT),
    "y": ("The target.", TARGET),
    "weights": ("The weights of the samples in the loss; their sum is 1.", ONE),
    "x_test": ("Fresh inputs, where the dataset has some.", INPUT),
    "y_test": ("The same target there.", TARGET),
}
FLOW_MEANINGS = {
    "start": ("γ where each flow began.", ONE),
    "size": ("The length of the perturbation there, with its sign.", WEIGHT),
    "curvature": ("The eigenvalue of the Hessian along the perturbation.", CURVATURE),
    "end_loss": ("The loss where the flow ended.", LOSS),
    "end_gamma": ("γ where it ended, projected onto the saddle line.", ONE),
    "end_distance": ("The distance from the line where it ended.", WEIGHT),
    "flow_t": ("Times of the samples of the flow.", TIME),
    "flow_gamma": ("γ at these times.", ONE),
    "flow_distance": ("The distance from the line at these times.", WEIGHT),
    "flow_loss": ("The loss at these times.", LOSS),
    "flow_neuron_distances": ("The distance from the line in the weights of each neuron at these times.", WEIGHT),
}
LINE_MEANINGS = {
    "origin": ("The point of the saddle line at γ = 0.", WEIGHT),
    "velocity": ("The direction of the line: it is origin + γ velocity.", WEIGHT),
    "surface_gamma": ("γ of the surface.", ONE),
    "surface_alpha": ("α of the surface, across the line along a branch of eigenvectors.", WEIGHT),
    "surface_loss": ("The loss at γ and α.", LOSS),
}
SADDLE_MEANINGS = {
    "plateau": FLOW_MEANINGS | LINE_MEANINGS | {
        "theta": ("The network whose neuron was split.", WEIGHT),
        "gamma": ("γ of the spectrum.", ONE),
        "eigenvalues": ("The Hessian eigenvalues at γ, by branch.", CURVATURE),
        "angles": ("The angle between each eigenvector and that of its branch at γ = ½.", "rad"),
    },
    "channel": FLOW_MEANINGS | LINE_MEANINGS | {
        "theta": ("The network in a channel whose closest pair was merged.", WEIGHT),
        "narrow": ("The network with the merged neuron, trained on.", WEIGHT),
        "top_gamma": ("γ of the profiles and of the top view.", ONE),
        "profile_loss": ("The loss at these γ and at the α of the surface.", LOSS),
        "top_alpha": ("α of the top view.", WEIGHT),
        "top_loss": ("The loss at the γ and α of the top view.", LOSS),
        "flow_alpha": ("α of the flow at its times.", WEIGHT),
        "flow_cosine": ("The cosine of each update of the flow with the line.", ONE),
        "loss_infinity": ("The loss in the limit of each flow that ended at the wall, to leading order.", LOSS),
    },
}  # fmt: skip
ALPHA_GAMMA = {"gamma": ("γ along the saddle line.", WEIGHT), "alpha": ("α across the saddle line.", WEIGHT)}
TOY_MEANINGS = {
    "toy_landscape": ALPHA_GAMMA | {
        "loss": ("The loss at γ and α, a minimum over the two other directions.", LOSS),
        "narrow": ("The network of one neuron that was split: w and a.", WEIGHT),
        "w": ("The input weight at infinity.", WEIGHT),
        "limit_loss": ("ℓ(w, 0), the loss at infinity with the best c and a.", LOSS),
        "limit_h": ("h = ∂L/∂ε² there.", CURVATURE),
        "limit_c": ("The best c = a_1 + a_2.", WEIGHT),
        "limit_a": ("The best a = ε (a_1 − a_2).", NORM),
        "x": ("Inputs at which the target is drawn.", INPUT),
        "target": ("The target there.", TARGET),
        "sharp_gamma": ("γ of points along the flow into channel 2.", WEIGHT),
        "sharp_alpha": ("Distances from these points along the direction of the largest Hessian eigenvalue.", WEIGHT),
        "sharp_loss": ("The loss at these distances.", LOSS),
        "sharpness": ("The largest Hessian eigenvalue at these points.", CURVATURE),
    },
    "toy_flows": ALPHA_GAMMA | {"theta": ("The flows: w_1, w_2, a_1, a_2 at the samples of each.", WEIGHT)},
    "toy_descents": ALPHA_GAMMA | {
        "epoch": ("Epochs of SGD and Adam at which γ and α are kept.", ONE),
        "rate": ("The learning rates η of gradient descent.", TIME),
        "step": ("Steps of gradient descent at which λ_max and ε are kept.", ONE),
        "sharpness": ("λ_max at these steps.", CURVATURE),
        "epsilon": ("ε, half the distance of the input weights, at these steps.", WEIGHT),
    },
    "relu_channel": {
        "x": ("The side of a square grid of inputs.", INPUT),
        "target": ("The function of the teacher on the grid.", TARGET),
        "function": ("The function of the student on the grid.", TARGET),
        "teacher": ("The parameters of the teacher.", WEIGHT),
        "theta": ("The parameters of the student at the end of its flow.", WEIGHT),
        "t": ("Times of the samples of the flow.", TIME),
        "loss": ("The loss at these times.", LOSS),
        "epsilon": ("Half the distance of the normalised input weights at these times.", ONE),
    },
}  # fmt: skip
