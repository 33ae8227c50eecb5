import { parseWait } from './wait'

/** Field name to messages, as a 422 reports them. */
export type FieldErrors = Record<string, string[]>

/**
 * How a call failed. `answer`: the server said so. `malformed`: the response is not the API's, for example a proxy's HTML.
 * `network`: no complete response arrived.
 */
export type FailureKind = 'answer' | 'malformed' | 'network'

/** A call that did not succeed. `status` is 0 when no response arrived. */
export class ApiError extends Error {
  readonly status: number
  readonly kind: FailureKind
  readonly errors: FieldErrors
  /** `code` of the answer, for example `VERSION_CONFLICT`. */
  readonly code: string | undefined
  /** `reason` of a rejected retry. */
  readonly reason: string | undefined
  readonly requestId: string | undefined
  /** Seconds to wait before the next request, from `Retry-After`. */
  readonly retryAfter: number | undefined

  constructor(status: number, body: unknown, headers?: Headers) {
    const told = isObject(body) ? body : {}
    super(typeof told.message === 'string' ? told.message : `HTTP ${status}`)
    this.status = status
    this.kind = status === 0 ? 'network' : isObject(body) ? 'answer' : 'malformed'
    this.errors = readErrors(told.errors)
    this.code = textOf(told.code)
    this.reason = textOf(told.reason)
    this.requestId = headers?.get('X-Request-Id') ?? textOf(told.request_id)
    this.retryAfter = parseWait(headers?.get('Retry-After'), Date.now())
  }
}

/** Return the failure behind whatever a call threw. Cancellation is passed on as it is. */
export function failureOf(thrown: unknown): unknown {
  if (thrown instanceof ApiError || isCancellation(thrown)) return thrown
  // The body of a success could not be parsed: it is not the API that answered.
  if (thrown instanceof SyntaxError) return new ApiError(200, undefined)
  return new ApiError(0, undefined)
}

/**
 * Check the body of a success. Every answer of the API is a JSON object, and its `data`, where there is one, is not null.
 */
export function checkBody(body: unknown, response: Response) {
  if (!isObject(body) || body.data === null) throw new ApiError(response.status, undefined, response.headers)
}

/** Reports whether the failure can pass without anyone changing the request. */
export function passes(failure: unknown): boolean {
  return failure instanceof ApiError && (failure.kind !== 'answer' || failure.status === 429 || failure.status >= 500)
}

/**
 * Reports whether to repeat a failed read at once. A failure that says when to come back is shown instead, with the time
 * that is left.
 */
export function repeats(failures: number, failure: unknown): boolean {
  return failures < 2 && passes(failure) && (failure as ApiError).retryAfter === undefined
}

/** What a form shows of a failure. */
export interface FormErrors {
  /** The messages per field, to show at the field's control. */
  errors: FieldErrors
  /** The failure, when the form has to show it as a whole. Otherwise undefined. */
  fault: unknown
}

/**
 * Split a failure into the messages that a form shows at its controls and the rest. `hasControl` reports whether the form
 * shows the messages of a field. A 422 is shown as a whole unless all of its messages have a control.
 */
export function formErrors(failure: unknown, hasControl: (field: string) => boolean): FormErrors {
  if (!(failure instanceof ApiError) || failure.status !== 422) return { errors: {}, fault: failure ?? undefined }
  const all = Object.entries(failure.errors)
  const placed = all.filter(([field]) => hasControl(field))
  const complete = all.length > 0 && placed.length === all.length
  return { errors: Object.fromEntries(placed), fault: complete ? undefined : failure }
}

const isCancellation = (thrown: unknown) => thrown instanceof DOMException && thrown.name === 'AbortError'

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined)

function readErrors(told: unknown): FieldErrors {
  if (!isObject(told)) return {}
  const errors: FieldErrors = {}
  for (const [field, messages] of Object.entries(told)) {
    const texts = Array.isArray(messages) ? messages.filter((message) => typeof message === 'string') : []
    if (texts.length > 0) errors[field] = texts
  }
  return errors
}
