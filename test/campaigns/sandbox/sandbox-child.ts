// Attacks boxes with this process, of an ordinary user, as their worker; started by the sandbox campaign with an IPC channel.
import { attackBox, type BoxOrder } from './box-cases.ts';

process.once('message', (order: BoxOrder) => {
  attackBox(order, (line) => process.stderr.write(`${line}\n`)).then(
    (result) => process.send?.({ result }, () => process.disconnect()),
    (error: unknown) => process.send?.({ failed: String(error) }, () => process.disconnect()),
  );
});
