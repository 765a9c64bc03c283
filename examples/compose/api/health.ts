// Whether the API beside it answers: exit code 0.
import { get } from 'node:http';

const { PORT = '4000', HOST = '127.0.0.1' } = process.env;

get({ host: HOST, port: PORT }, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1));
