// ratings: how many stars each reviewer gave.
import { sendJson, serve } from './serve.ts';

serve('ratings', {
  '/ratings/:id': ({ response, id }) => sendJson(response, 200, { id: Number(id), ratings: { Reviewer1: 5, Reviewer2: 4 } }),
});
