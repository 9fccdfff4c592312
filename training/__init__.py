"""Training: prepare, sft, grpo, export and the reward. Shipped inside the wheel as mtrl_judge_plugin.training."""
