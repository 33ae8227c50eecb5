import { type UseMutationOptions, useMutation } from '@tanstack/react-query'
import { useRef } from 'react'

/** useMutation for what must not happen twice: while a call is under way, another one is not made. */
export function useOnce<Data, Input = void>(options: UseMutationOptions<Data, Error, Input>) {
  const running = useRef(false)
  const { mutationFn } = options
  const mutation = useMutation<Data, Error, Input>({
    ...options,
    mutationFn: async (input, context) => {
      try {
        return await (mutationFn as NonNullable<typeof mutationFn>)(input, context)
      } finally {
        running.current = false
      }
    },
  })
  const mutate: typeof mutation.mutate = (...call) => {
    if (running.current) return
    // A button that is drawn as busy is drawn too late for the second half of a double click.
    running.current = true
    mutation.mutate(...call)
  }
  return { ...mutation, mutate }
}

/**
 * The Idempotency-Key of what is about to be created. It is the same when the same content is sent again, after a failure whose
 * outcome is unknown, and another for other content.
 */
export function useIdempotencyKey() {
  const last = useRef<{ content: string; key: string }>(undefined)
  return {
    header: (...content: unknown[]) => {
      const text = JSON.stringify(content)
      if (last.current?.content !== text) last.current = { content: text, key: `dashboard-${randomKey()}` }
      return { 'Idempotency-Key': last.current.key }
    },
    /** What was sent was carried out: the same content again is meant to be another one. */
    used: () => {
      last.current = undefined
    },
  }
}

// crypto.randomUUID exists in secure contexts only.
const randomKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
