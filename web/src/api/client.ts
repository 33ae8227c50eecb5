import createClient from 'openapi-fetch'
import { environmentHeader } from './environment'
import { keepSources, stringify } from './exact'
import { ApiError, checkBody, failureOf } from './failure'
import type { components, paths } from './schema'
import { closedFor, closeGate, readGate } from './wait'

export { ApiError, type FieldErrors, formErrors } from './failure'

export type Schemas = components['schemas']

export const base = '/api/v1'

/**
 * `fetch` that honors the `Retry-After` of a 429: until then reads fail with the time that is left, without being sent. What
 * the user does goes out at once.
 */
export async function politeFetch(request: Request): Promise<Response> {
  const gate = readGate()
  const held = request.method === 'GET' ? closedFor(gate, Date.now()) : 0
  if (held > 0) return tooMany(held)
  for (const [name, value] of Object.entries(environmentHeader(request.method, request.url)))
    request.headers.set(name, value)
  const response = await withSources(await fetch(request))
  if (response.status === 429) {
    const { retryAfter } = new ApiError(429, {}, response.headers)
    if (retryAfter) closeGate(gate, retryAfter, Date.now())
  }
  return response
}

/** Keep what customers wrote as they wrote it; see exact.ts. */
async function withSources(response: Response): Promise<Response> {
  if (!response.ok || !response.headers.get('Content-Type')?.startsWith('application/json')) return response
  return new Response(keepSources(await response.text()), response)
}

const tooMany = (seconds: number) =>
  new Response(
    JSON.stringify({
      message: 'Rate limit exceeded. Please wait before making more requests.',
      code: 'RATE_LIMIT_EXCEEDED',
    }),
    { status: 429, headers: { 'Retry-After': String(seconds), 'Content-Type': 'application/json' } },
  )

/** The server's API, typed by its OpenAPI document. The session's cookie goes with every call. */
export const api = createClient<paths>({ baseUrl: base, fetch: politeFetch, bodySerializer: stringify })

/** Return the body of a success; throw an ApiError for anything else. */
export async function must<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call.catch((thrown: unknown) => {
    throw failureOf(thrown)
  })
  if (!response.ok) throw new ApiError(response.status, error, response.headers)
  checkBody(data, response)
  return data as T
}
