"""A small repository whose test fails, to have something to heal."""

SLUG = "acme/example"
PROJECT = "example"

FILES = {
    ".semaphore/semaphore.yml": """\
version: v1.0
name: Tests
agent:
  machine:
    type: e2-standard-2
    os_image: ubuntu2404
blocks:
  - name: Tests
    task:
      prologue:
        commands:
          - checkout
      jobs:
        - name: Unit tests
          commands:
            - sh test.sh
""",
    "README.md": "# Example\n\n`total.sh` adds the prices that it is given.\n",
    "test.sh": """\
total=$(sh total.sh 2 3)
if [ "$total" != 5 ]; then
  echo "FAILED: the total of 2 and 3 is $total, expected 5"
  exit 1
fi
echo "passed"
""",
    "total.sh": """\
total=0
for price in "$@"; do
  total=$((total + price))
done
echo "$total"
""",
}

BROKEN = {"total.sh": FILES["total.sh"].replace("total + price", "total - price")}
"""The change that breaks it."""

MESSAGE = "Tidy the adding of prices"
