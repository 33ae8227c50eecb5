import createClient from 'openapi-fetch'
import type { components, paths } from './schema'

export type Schemas = components['schemas']

export const base = '/api/v1'

/** The server's API, typed by its OpenAPI document. The session's cookie goes with every call. */
export const api = createClient<paths>({ baseUrl: base })

/** Field to its faults, as a 422 tells them. */
export type FieldErrors = Record<string, string[]>

/** An answer that is no success, or none at all (`status` 0). */
export class ApiError extends Error {
  readonly status: number
  readonly errors: FieldErrors
  /** `reason` of a retry that was refused. */
  readonly reason: string | undefined
  readonly requestId: string | undefined
  /** How long to wait before asking again, in seconds. */
  readonly retryAfter: number | undefined

  constructor(status: number, body: unknown, headers?: Headers) {
    const told = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
    super(typeof told.message === 'string' ? told.message : `HTTP ${status}`)
    this.status = status
    this.errors = (told.errors as FieldErrors | undefined) ?? {}
    this.reason = typeof told.reason === 'string' ? told.reason : undefined
    this.requestId = headers?.get('X-Request-Id') ?? undefined
    const wait = Number(headers?.get('Retry-After'))
    this.retryAfter = wait > 0 ? wait : undefined
  }
}

/** Gives the body of a success; throws an ApiError for anything else. */
export async function must<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call.catch((fault: unknown) => {
    if (fault instanceof DOMException && fault.name === 'AbortError') throw fault
    throw new ApiError(0, { message: String(fault) })
  })
  if (!response.ok) throw new ApiError(response.status, error, response.headers)
  return data as T
}
