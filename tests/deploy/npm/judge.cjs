// Reads a list of requests as JSON, and writes a list of what IAM would answer each of them.
// Its argument is the folder in which the packages of package.json are installed.
const { createRequire } = require("node:module")
const { readFileSync } = require("node:fs")

const { runSimulation } = createRequire(process.argv[2] + "/")("@cloud-copilot/iam-simulate")

async function judged(request) {
  const answer = await runSimulation(request, {})
  return answer.resultType === "error" ? JSON.stringify(answer.errors) : answer.overallResult
}

Promise.all(JSON.parse(readFileSync(0, "utf8")).map(judged)).then((answers) =>
  console.log(JSON.stringify(answers)),
)
