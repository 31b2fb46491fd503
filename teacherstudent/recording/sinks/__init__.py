"""Where a run's scalars go beside its folder: TensorBoard, Weights & Biases, MLflow, Trackio."""
