// Questions to the studio's server. Whatever goes wrong comes back as a Trouble with words for a person.

export class Trouble extends Error {
  constructor(status, problem, answer) {
    super(problem.what);
    this.status = status;
    this.problem = problem;
    this.answer = answer;
  }
}

const GONE = {
  what: "the studio does not answer",
  why: "it was stopped, or this machine sleeps",
  hint: "start `firstword studio` again and open the address that it prints; what you wrote stays on this page",
};

export async function ask(path, { method = "GET", body } = {}) {
  const headers = method === "GET" ? {} : { "Content-Type": "application/json", "X-Firstword-Studio": "1" };
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
  } catch {
    throw new Trouble(0, GONE, {});
  }
  const answer = await read(response);
  if (response.ok) return answer;
  throw new Trouble(response.status, answer.problem ?? unknown(response), answer);
}

export const post = (path, body) => ask(path, { method: "POST", body });

async function read(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}

function unknown(response) {
  return { what: `the studio answered ${response.status}`, why: "", hint: "look at what it printed in its terminal" };
}
