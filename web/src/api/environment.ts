// The tabs of a browser share the session's cookie. A page goes on showing the environment that it began with, also when
// another tab has signed in elsewhere; so each of its calls says which environment it is meant for.

let environment: string | undefined

/** Set the environment that every call from now on is meant for. */
export function setEnvironment(id: string | undefined) {
  environment = id
}

/** The headers of a call to this address. Asking for the session, and beginning one, is meant for any environment. */
export function environmentHeader(method: string, url: string): Record<string, string> {
  const session = new URL(url).pathname.endsWith('/session') && method !== 'DELETE'
  return environment && !session ? { 'X-Environment-Id': environment } : {}
}
