#!/usr/bin/env bash
# The experiment of MT-RL-Judge (arXiv 2603.11665): one backbone, five judges, one table. To be read, and run in parts:
# the arms differ by a few words, and each takes many GPU-hours.
#   rl/bin        OpenRLHF's environment (mtrl-judge[openrlhf]); everything else runs in the one with mtrl-judge[train,vllm]
#   bash training/five_arms.sh MODEL BENCHMARK... (the paper's, if none is named; or modules of yours), with tasks=,
#   evaluation= and held_out= set; MTRL_JUDGE_DATA names the folder that holds the data sets
set -euo pipefail
model=${1:-Qwen/Qwen3-VL-30B-A3B-Instruct}
shift || true
benchmarks=("$@")
[ $# -gt 0 ] || benchmarks=(agin seetrue imagereward unsafebench)
recipe=${recipe:-mtrl_qwen3vl_30b_a3b}
tasks=${tasks:-naturalness,technical,rationality,seetrue,quality,unsafebench}   # pointwise, as in the paper
evaluation=${evaluation:-mtrl_judge_paper,mtrl_judge_ood}   # and pairwise ones that nobody trains on
held_out=${held_out:-mjbench}
work=${work:-build/five_arms}

mtrl-judge prepare "${benchmarks[@]}" --tasks "$tasks" --held-out "$held_out" --model "$model" --max-tokens 7168 --out "$work/data"

# The paper's SFT: AdamW, learning rate 1e-5, batch 256, all parameters. It learns the label alone.
# `accelerate config` says over how many GPUs, and how, the model is spread.
sft=(accelerate launch --no_python mtrl-judge sft --model "$model" --data "$work/data" --answer-only-share 1
     --lr 1e-5 --batch-size 256 --micro-batch-size 1 --save-steps 20 --keep-checkpoints 20 --resume)
grpo=(rl/bin/mtrl-judge grpo --recipe "$recipe" --data "$work/data" --model "$model")
# The best checkpoint by validation, as in the paper; a single judge's by its own task.
best=(--base "$model" --data "$work/data" --choose --plateau 3 --judge-args engine=vllm)

# 1. off-the-shelf: lenient, since it was never trained on our reply format
lmms-eval --model mtrl_judge --model_args "engine=vllm,pretrained=$model,lenient=true,max_failures=0" --tasks "$evaluation" \
    --output_path "$work/results/off_the_shelf" || [ $? -eq 3 ]  # 3: some judgments have no verdict

# 2. SFT-Single and 4. RL-Single: a judge for each task
for task in ${tasks//,/ }; do
    "${sft[@]}" --tasks "$task" --out "$work/sft_$task"
    "${grpo[@]}" --tasks "$task" --out "$work/rl_$task"
done
# 3. SFT-Unified and 5. MT-RL-Judge: one judge for all
"${sft[@]}" --out "$work/sft_unified"
"${grpo[@]}" --out "$work/mt_rl_judge"

# finish RUN TASKS: the judge of a run, and its scores
finish() {
    mtrl-judge export "$work/$1" "$work/judges/$1" "${best[@]}" --tasks "$2"
    lmms-eval --model mtrl_judge --model_args "engine=vllm,pretrained=$work/judges/$1,max_failures=0" --tasks "$evaluation" \
        --output_path "$work/results/$1" || [ $? -eq 3 ]  # 3: some judgments have no verdict
}
for task in ${tasks//,/ }; do
    finish "sft_$task" "$task"
    finish "rl_$task" "$task"
done
finish sft_unified "$tasks"
finish mt_rl_judge "$tasks"

# The paper's table, with its figures beside these
mtrl-judge paper off-the-shelf="$work/results/off_the_shelf" SFT-Unified="$work/results/sft_unified" \
    MT-RL-Judge="$work/results/mt_rl_judge"
