# What the service "job" of compose.yaml does: photographs into a bucket, a job on the cluster, and a check.
set -euo pipefail
cd "$(mktemp --directory)"

echo "s3.bucket.create -name photos" | weed shell -master=s3:9333
echo "s3.bucket.create -name results" | weed shell -master=s3:9333

mrimage demo photos
mrimage run photos s3://photos/demo --key all --rule '*: copy=true' --no-thumbnails --quiet

mrimage run s3://photos/demo/images/all s3://results/demo --engine spark://master:7077 \
    --key color_space --resize 512x512 --fit cover --to srgb --format webp --group contact-sheet

mrimage verify s3://results/demo
mrimage query s3://results/demo "SELECT key, images FROM groups ORDER BY images DESC"
