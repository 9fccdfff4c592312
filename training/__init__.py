"""Training: SFT now, data preparation and RL to come. Shipped inside the wheel as mtrl_judge_plugin.training."""
