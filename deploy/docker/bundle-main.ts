// node deploy/docker/bundle-main.ts PROGRAM FOLDER
import { bundleProgram } from './bundle.ts';

const [program, folder] = process.argv.slice(2);
if (program === undefined || folder === undefined) {
  console.error('usage: node deploy/docker/bundle-main.ts PROGRAM FOLDER');
  process.exitCode = 2;
} else {
  const { assets, packages } = await bundleProgram(program, folder);
  console.log(`${program}: ${packages.length} npm packages, ${assets.length} assets in ${folder}`);
}
