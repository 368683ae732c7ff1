"""The multimodal model: connectors, the frozen language model and how a prompt is framed."""
